mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name    = "perennial"
  key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  tags    = { Project = "perennial" }
}

run "one_nat_gateway_by_default" {
  command = plan
  module {
    source = "./modules/network"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 3
    error_message = "All three zones go out through one NAT gateway."
  }

  assert {
    condition     = length(aws_subnet.private) == 3 && alltrue([for subnet in aws_subnet.private : subnet.map_public_ip_on_launch != true])
    error_message = "There is a private subnet in each zone, without public addresses."
  }

  assert {
    condition     = length(setunion([for subnet in aws_subnet.private : subnet.cidr_block], [for subnet in aws_subnet.public : subnet.cidr_block])) == 6
    error_message = "No two subnets have the same addresses."
  }

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.service_name == "com.amazonaws.eu-central-1.s3"
    error_message = "S3 is reached through a gateway endpoint, past the NAT gateway."
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0
    error_message = "With a way out no interface endpoint is paid for."
  }
}

run "a_nat_gateway_in_each_zone" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    nat = "per_zone"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "Each zone has a NAT gateway of its own."
  }
}

run "no_way_out" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    nat   = "none"
    zones = 2
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.nat) == 0 && length(aws_eip.nat) == 0
    error_message = "There is no NAT gateway and no route to one."
  }

  assert {
    condition     = length(setsubtract(["ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "sts"], keys(aws_vpc_endpoint.interface))) == 0
    error_message = "Nodes and pods reach what they need of AWS through interface endpoints."
  }
}

run "refuses_what_is_no_choice_and_public_addresses" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    nat   = "double"
    zones = 1
    cidr  = "8.8.0.0/16"
  }
  expect_failures = [var.nat, var.zones, var.cidr]
}

run "refuses_too_few_addresses" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    cidr = "10.0.0.0/24"
  }
  expect_failures = [var.cidr]
}

run "refuses_a_block_that_begins_in_the_middle" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    cidr = "10.64.1.0/16"
  }
  expect_failures = [var.cidr]
}
