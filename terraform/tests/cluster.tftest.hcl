mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name       = "perennial"
  subnet_ids = ["subnet-00000000000000001", "subnet-00000000000000002"]
  key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
}

run "private_by_default" {
  command = plan
  module {
    source = "./modules/cluster"
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The API answers inside the VPC and not outside."
  }

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.key_arn
    error_message = "Secrets are encrypted with the installation's key."
  }

  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5
    error_message = "All of the control plane's logs are kept."
  }

  assert {
    condition     = jsondecode(aws_eks_addon.node["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "The network enforces network policies."
  }

  assert {
    condition     = contains(keys(aws_eks_addon.node), "eks-pod-identity-agent")
    error_message = "Pods get their roles from the Pod Identity agent."
  }
}

run "open_to_a_team_alone" {
  command = plan
  module {
    source = "./modules/cluster"
  }
  variables {
    api_access_cidrs = ["203.0.113.7/32"]
    admin_arns       = ["arn:aws:iam::123456789012:role/platform"]
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.7/32"])
    error_message = "The API answers to the named network and to no other."
  }

  assert {
    condition     = length(aws_eks_access_policy_association.admin) == 1
    error_message = "The named role administrates the cluster."
  }
}

run "refuses_the_whole_internet_an_old_kubernetes_and_an_admin_without_an_arn" {
  command = plan
  module {
    source = "./modules/cluster"
  }
  variables {
    api_access_cidrs   = ["0.0.0.0/0"]
    kubernetes_version = "1.29"
    admin_arns         = ["alice"]
  }
  expect_failures = [var.api_access_cidrs, var.kubernetes_version, var.admin_arns]
}

run "refuses_what_is_no_network_and_a_patch_number" {
  command = plan
  module {
    source = "./modules/cluster"
  }
  variables {
    api_access_cidrs   = ["office"]
    kubernetes_version = "1.34.4"
  }
  expect_failures = [var.api_access_cidrs, var.kubernetes_version]
}
