# The plan of all that can be made. Whether each resource has the tags is read from it by tests/terraform/test_terraform.py.
mock_provider "aws" {
  source = "./tests/mocks"
}

run "everything" {
  command = plan
  variables {
    nat    = "per_zone"
    tags   = { Environment = "test" }
    budget = { monthly_usd = 500, emails = ["team@example.com"] }
  }

  assert {
    condition     = length(module.gpu_nodes) == 1 && length(module.budget) == 1
    error_message = "GPU nodes are made, and an alarm."
  }
}
