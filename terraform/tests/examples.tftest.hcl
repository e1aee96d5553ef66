mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region = "eu-central-1"
}

run "small" {
  command = plan
  module {
    source = "./examples/small"
  }

  assert {
    condition     = output.region == "eu-central-1" && length(output.nat_addresses) == 1
    error_message = "The small example has one NAT gateway."
  }
}

run "complete" {
  command = plan
  module {
    source = "./examples/complete"
  }
  variables {
    budget_emails = ["team@example.com"]
  }

  assert {
    condition     = length(output.nat_addresses) == 3
    error_message = "The complete example has a NAT gateway in each zone."
  }
}

run "refuses_a_wrong_region" {
  command = plan
  module {
    source = "./examples/small"
  }
  variables {
    region = "frankfurt"
  }
  expect_failures = [var.region]
}
