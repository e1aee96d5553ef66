# A team's own installation: three zones that may fail one at a time, GPUs from zero, an alarm when it gets dear.
provider "aws" {
  region = var.region
}

module "perennial" {
  source = "../.."

  zones            = 3
  nat              = "per_zone"
  api_access_cidrs = var.api_access_cidrs
  contact          = var.contact
  tags             = { Environment = "production" }

  cpu_nodes = { instance_types = ["m6i.xlarge", "m6a.xlarge"], min_size = 3, max_size = 8 }
  gpu_nodes = { instance_types = ["g5.2xlarge", "g6.2xlarge"], max_size = 2 }
  database  = { multi_az = true, backup_days = 14 }
  budget    = { monthly_usd = 1200, emails = var.budget_emails }
}
