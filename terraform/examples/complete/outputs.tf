output "region" {
  description = "Region that everything is in."
  value       = module.perennial.region
}

output "cluster_name" {
  description = "Name of the cluster, for aws eks update-kubeconfig --name."
  value       = module.perennial.cluster_name
}

output "images" {
  description = "What stands before the images' names, for make images IMAGES=... and PERENNIAL_IMAGES."
  value       = module.perennial.images
}

output "bucket" {
  description = "Name of the bucket: store/ is Perennial's, mlflow/ MLflow's."
  value       = module.perennial.bucket
}

output "database_host" {
  description = "Host name of PostgreSQL."
  value       = module.perennial.database_host
}

output "database_secret_arn" {
  description = "ARN of the secret in Secrets Manager with the password of the database's master user."
  value       = module.perennial.database_secret_arn
}

output "nat_addresses" {
  description = "Public addresses that sites see when they are scraped."
  value       = module.perennial.nat_addresses
}

output "overlay" {
  description = "The file manifests/overlays/aws/kustomization.yaml: the production overlay with this bucket and this database."
  value       = module.perennial.overlay
}
