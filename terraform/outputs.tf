output "region" {
  description = "Region that everything is in."
  value       = data.aws_region.current.name
}

output "cluster_name" {
  description = "Name of the cluster, for aws eks update-kubeconfig --name."
  value       = module.cluster.name
}

output "images" {
  description = "What stands before the images' names, for make images IMAGES=... and PERENNIAL_IMAGES."
  value       = module.registry.prefix
}

output "bucket" {
  description = "Name of the bucket: store/ is Perennial's, mlflow/ MLflow's."
  value       = module.bucket.name
}

output "database_host" {
  description = "Host name of PostgreSQL."
  value       = module.database.host
}

output "database_secret_arn" {
  description = "ARN of the secret in Secrets Manager with the password of the database's master user."
  value       = module.database.secret_arn
}

output "role_arns" {
  description = "ARN of the IAM role of each service's pods."
  value       = module.identity.role_arns
}

output "nat_addresses" {
  description = "Public addresses that sites see when they are scraped."
  value       = module.network.nat_addresses
}

output "overlay" {
  description = "The file manifests/overlays/aws/kustomization.yaml: the production overlay with this bucket and this database."
  value       = module.overlay.kustomization
}
