mock_provider "aws" {
  source = "./tests/mocks"
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
    budget  = { monthly_usd = 500, emails = ["team@example.com"] }
    contact = "team@example.com"
  }

  assert {
    condition     = output.images == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/perennial/"
    error_message = "make images and PERENNIAL_IMAGES take what stands before the images' names."
  }

  assert {
    condition     = yamldecode(output.overlay).resources == ["../production"] && strcontains(output.overlay, "s3://${output.bucket}/store") && strcontains(output.overlay, output.database_host)
    error_message = "The overlay names this bucket and this database."
  }

  assert {
    condition     = strcontains(output.overlay, "team@example.com")
    error_message = "The overlay says whom sites reach."
  }
}

run "refuses_a_contact_that_nobody_reaches" {
  command = plan
  module {
    source = "./modules/overlay"
  }
  variables {
    region        = "eu-central-1"
    bucket        = "perennial-1"
    database_host = "db.example.com"
    contact       = "http://example.com"
  }
  expect_failures = [var.contact]
}

run "refuses_a_contact_that_no_header_carries" {
  command = plan
  module {
    source = "./modules/overlay"
  }
  variables {
    region        = "eu-central-1"
    bucket        = "perennial-1"
    database_host = "db.example.com"
    contact       = "our team@example.com"
  }
  expect_failures = [var.contact]
}

run "refuses_what_is_wrong_before_anything_is_made" {
  command = plan
  variables {
    name      = "Perennial"
    tags      = { Project = "other" }
    gpu_nodes = { instance_types = ["m6i.xlarge"] }
    cpu_nodes = { min_size = 0 }
    log_days  = 100
  }
  expect_failures = [var.name, var.tags, var.gpu_nodes, var.cpu_nodes, var.log_days]
}
