output "role_arns" {
  description = "ARN of each service's role: pipeline, server, inbox, dashboard, mlflow."
  value       = { for service, role in module.role : service => role.arn }
}
