output "prefix" {
  description = "What stands before the images' names, for make images IMAGES=..., PERENNIAL_IMAGES and docker."
  value       = "${split("/", values(aws_ecr_repository.this)[0].repository_url)[0]}/${var.name}/"
}

output "repository_names" {
  description = "Names of the repositories."
  value       = [for repository in aws_ecr_repository.this : repository.name]
}
