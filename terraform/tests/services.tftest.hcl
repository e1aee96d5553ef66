mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name         = "perennial"
  cluster_name = "perennial"
  bucket_arn   = "arn:aws:s3:::perennial-mocked"
  key_arn      = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
}

run "a_role_for_each_service" {
  module {
    source = "./modules/identity"
  }

  assert {
    condition     = toset(keys(output.role_arns)) == toset(["dashboard", "inbox", "mlflow", "pipeline", "server"])
    error_message = "Each service has a role of its own."
  }

  assert {
    condition     = alltrue([for document in values(module.policies.documents) : !strcontains(document, "\"s3:*\"") && !strcontains(document, "\"Resource\":\"*\"")])
    error_message = "No service may do all, or anything elsewhere."
  }

  assert {
    condition     = !strcontains(module.policies.documents["dashboard"], "Put") && !strcontains(module.policies.documents["dashboard"], "Delete")
    error_message = "The dashboard only reads."
  }

  assert {
    condition     = !strcontains(module.policies.documents["server"], "Delete")
    error_message = "An endpoint's servers delete nothing."
  }
}

run "pods_of_one_account_have_the_role" {
  command = plan
  module {
    source = "./modules/pod-role"
  }
  variables {
    namespace       = "perennial"
    service_account = "mlflow"
    policies        = { bucket = "{}" }
  }

  assert {
    condition     = aws_eks_pod_identity_association.this.namespace == "perennial" && aws_eks_pod_identity_association.this.service_account == "mlflow"
    error_message = "The role is that account's."
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals == {
      "aws:RequestTag/eks-cluster-name"           = "perennial"
      "aws:RequestTag/kubernetes-namespace"       = "perennial"
      "aws:RequestTag/kubernetes-service-account" = "mlflow"
    }
    error_message = "Pods of no other account, namespace or cluster can take the role."
  }
}

run "addons_that_need_nodes" {
  command = plan
  module {
    source = "./modules/addons"
  }

  assert {
    condition     = length(setsubtract(["aws-ebs-csi-driver", "metrics-server"], output.names)) == 0
    error_message = "Volumes can be made, and endpoints scaled by the work they do."
  }
}

run "a_repository_for_each_image" {
  command = plan
  module {
    source = "./modules/registry"
  }

  assert {
    condition     = aws_ecr_repository.this["step"].name == "perennial/perennial-step" && length(aws_ecr_lifecycle_policy.this) == length(var.images)
    error_message = "Each image has a repository, and each repository forgets old images."
  }

  assert {
    condition = alltrue([for repository in aws_ecr_repository.this :
      repository.image_scanning_configuration[0].scan_on_push && repository.encryption_configuration[0].encryption_type == "KMS"
    ])
    error_message = "Images are scanned and encrypted."
  }

  assert {
    condition = alltrue([for policy in aws_ecr_lifecycle_policy.this :
      jsondecode(policy.policy).rules[0].selection == { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 180 }
    ])
    error_message = "An image that lost its tag to a newer build is there for the releases that name its digest."
  }
}

run "tells_before_the_money_is_spent" {
  command = plan
  module {
    source = "./modules/budget"
  }
  variables {
    monthly_usd = 500
    emails      = ["team@example.com"]
  }

  assert {
    condition     = toset([for notification in aws_budgets_budget.this.notification : notification.notification_type]) == toset(["ACTUAL", "FORECASTED"])
    error_message = "One alarm tells of what is spent, one of what will be."
  }
}

run "the_key_turns" {
  command = plan
  module {
    source = "./modules/key"
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "The key is renewed every year."
  }
}

run "refuses_a_long_role_name" {
  command = plan
  module {
    source = "./modules/pod-role"
  }
  variables {
    name            = "an-installation-with-a-name-that-is-too-long"
    namespace       = "perennial"
    service_account = "mlflow"
  }
  expect_failures = [var.name]
}

run "refuses_to_forget_images_too_soon" {
  command = plan
  module {
    source = "./modules/registry"
  }
  variables {
    keep          = 1
    untagged_days = 30
  }
  expect_failures = [var.keep, var.untagged_days]
}

run "refuses_a_budget_of_nothing_that_nobody_hears_of" {
  command = plan
  module {
    source = "./modules/budget"
  }
  variables {
    monthly_usd = 0
    emails      = []
  }
  expect_failures = [var.monthly_usd, var.emails]
}

run "refuses_to_delete_the_key_at_once" {
  command = plan
  module {
    source = "./modules/key"
  }
  variables {
    deletion_days = 1
  }
  expect_failures = [var.deletion_days]
}
