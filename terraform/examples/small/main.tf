# To try it: two zones, one NAT gateway, spot nodes, no GPU, no standby, and nothing that outlives terraform destroy.
provider "aws" {
  region = var.region
}

module "perennial" {
  source = "../.."

  name             = "perennial-small"
  zones            = 2
  nat              = "single"
  api_access_cidrs = var.api_access_cidrs
  contact          = var.contact
  tags             = { Environment = "trial" }

  cpu_nodes           = { instance_types = ["m6i.xlarge", "m6a.xlarge", "m5.xlarge"], spot = true, max_size = 4 }
  gpu_nodes           = null
  database            = { instance_class = "db.t4g.small", storage_gb = 20, multi_az = false, backup_days = 1 }
  log_days            = 30
  deletion_protection = false
}
