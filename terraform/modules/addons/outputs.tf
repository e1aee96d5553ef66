output "names" {
  description = "Names of the addons."
  value       = keys(aws_eks_addon.this)
}

output "autoscaler_role_arn" {
  description = "ARN of the cluster autoscaler's role."
  value       = module.autoscaler.arn
}
