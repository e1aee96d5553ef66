data "aws_region" "current" {}

locals {
  accounts = {
    pipeline  = { namespace = var.pipelines_namespace, name = "perennial-pipeline" }
    server    = { namespace = var.namespace, name = "endpoint" }
    inbox     = { namespace = var.namespace, name = "inbox" }
    dashboard = { namespace = var.namespace, name = "dashboard" }
    mlflow    = { namespace = var.namespace, name = "mlflow" }
  }
}

module "policies" {
  source = "../policies"

  bucket_arn   = var.bucket_arn
  store_prefix = var.store_prefix
}

module "role" {
  source   = "../pod-role"
  for_each = local.accounts

  name            = "${var.cluster_name}-${each.key}"
  cluster_name    = var.cluster_name
  namespace       = each.value.namespace
  service_account = each.value.name
  tags            = var.tags

  policies = {
    bucket = module.policies.documents[each.key]
    key = jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Action    = each.key == "dashboard" ? ["kms:Decrypt"] : ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [var.key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${data.aws_region.current.name}.amazonaws.com" } }
      }]
    })
  }
}
