mock_provider "aws" {
  source = "./tests/mocks"
}

run "by_default" {
  command = plan

  assert {
    condition     = length(module.gpu_nodes) == 1 && length(module.budget) == 0
    error_message = "GPU nodes may be started; nobody is told of money until it is said whom."
  }
}

run "without_gpus" {
  command = plan
  variables {
    gpu_nodes = null
  }

  assert {
    condition     = length(module.gpu_nodes) == 0
    error_message = "No GPU node group is made."
  }
}

run "fills_the_overlay" {
  variables {
    budget = { monthly_usd = 500, emails = ["team@example.com"] }
  }

  assert {
    condition     = output.images == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/perennial/"
    error_message = "make images and PERENNIAL_IMAGES take what stands before the images' names."
  }

  assert {
    condition     = yamldecode(output.overlay).resources == ["../production"] && strcontains(output.overlay, "s3://${output.bucket}/store") && strcontains(output.overlay, output.database_host)
    error_message = "The overlay names this bucket and this database."
  }
}

run "refuses_a_wrong_name" {
  command = plan
  variables {
    name = "Perennial"
  }
  expect_failures = [var.name]
}

run "refuses_tags_that_are_set_already" {
  command = plan
  variables {
    tags = { Project = "other" }
  }
  expect_failures = [var.tags]
}

run "refuses_gpu_nodes_without_gpus" {
  command = plan
  variables {
    gpu_nodes = { instance_types = ["m6i.xlarge"] }
  }
  expect_failures = [var.gpu_nodes]
}

run "refuses_a_cluster_without_nodes" {
  command = plan
  variables {
    cpu_nodes = { min_size = 0 }
  }
  expect_failures = [var.cpu_nodes]
}

run "refuses_days_that_cloudwatch_has_not" {
  command = plan
  variables {
    log_days = 100
  }
  expect_failures = [var.log_days]
}
