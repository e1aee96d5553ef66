data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  tags   = merge({ Project = var.name, ManagedBy = "terraform" }, var.tags)
  bucket = coalesce(var.bucket_name, "${var.name}-${data.aws_caller_identity.current.account_id}-${data.aws_region.current.name}")
}

module "key" {
  source = "./modules/key"

  name = var.name
  tags = local.tags
}

module "network" {
  source = "./modules/network"

  name     = var.name
  cidr     = var.cidr
  zones    = var.zones
  nat      = var.nat
  log_days = var.log_days
  key_arn  = module.key.arn
  tags     = local.tags
}

module "cluster" {
  source = "./modules/cluster"

  name               = var.name
  kubernetes_version = var.kubernetes_version
  subnet_ids         = module.network.private_subnet_ids
  api_access_cidrs   = var.api_access_cidrs
  admin_arns         = var.admin_arns
  log_days           = var.log_days
  key_arn            = module.key.arn
  tags               = local.tags
}

module "cpu_nodes" {
  source = "./modules/nodes"

  name               = "${var.name}-cpu"
  cluster_name       = module.cluster.name
  kubernetes_version = var.kubernetes_version
  subnet_ids         = module.network.private_subnet_ids
  instance_types     = var.cpu_nodes.instance_types
  spot               = var.cpu_nodes.spot
  min_size           = var.cpu_nodes.min_size
  max_size           = var.cpu_nodes.max_size
  disk_gb            = var.cpu_nodes.disk_gb
  tags               = local.tags
}

module "gpu_nodes" {
  source = "./modules/nodes"
  count  = var.gpu_nodes == null ? 0 : 1

  name               = "${var.name}-gpu"
  cluster_name       = module.cluster.name
  kubernetes_version = var.kubernetes_version
  subnet_ids         = module.network.private_subnet_ids
  instance_types     = var.gpu_nodes.instance_types
  gpus               = var.gpu_nodes.gpus
  spot               = var.gpu_nodes.spot
  min_size           = var.gpu_nodes.min_size
  max_size           = var.gpu_nodes.max_size
  disk_gb            = var.gpu_nodes.disk_gb
  tags               = local.tags
}

module "addons" {
  source = "./modules/addons"

  cluster_name = module.cluster.name
  tags         = local.tags

  depends_on = [module.cpu_nodes]
}

module "bucket" {
  source = "./modules/bucket"

  name              = local.bucket
  old_versions_days = var.old_versions_days
  force_destroy     = !var.deletion_protection
  key_arn           = module.key.arn
  tags              = local.tags
}

module "identity" {
  source = "./modules/identity"

  cluster_name = module.cluster.name
  bucket_arn   = module.bucket.arn
  key_arn      = module.key.arn
  tags         = local.tags
}

module "registry" {
  source = "./modules/registry"

  name          = var.name
  untagged_days = var.untagged_images_days
  force_delete  = !var.deletion_protection
  key_arn       = module.key.arn
  tags          = local.tags
}

module "database" {
  source = "./modules/database"

  name                     = var.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  engine_version           = var.database.engine_version
  instance_class           = var.database.instance_class
  storage_gb               = var.database.storage_gb
  multi_az                 = var.database.multi_az
  backup_days              = var.database.backup_days
  deletion_protection      = var.deletion_protection
  final_snapshot           = var.deletion_protection
  log_days                 = var.log_days
  key_arn                  = module.key.arn
  tags                     = local.tags
}

module "budget" {
  source = "./modules/budget"
  count  = var.budget == null ? 0 : 1

  name        = var.name
  monthly_usd = var.budget.monthly_usd
  emails      = var.budget.emails
  tags        = local.tags
}

module "overlay" {
  source = "./modules/overlay"

  region        = data.aws_region.current.name
  bucket        = module.bucket.name
  database_host = module.database.host
  contact       = var.contact
}
