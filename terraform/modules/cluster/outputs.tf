output "name" {
  description = "Name of the cluster, once nodes can join it."
  value       = aws_eks_cluster.this.name
  depends_on  = [aws_eks_addon.node]
}

output "arn" {
  description = "ARN of the cluster."
  value       = aws_eks_cluster.this.arn
}

output "security_group_id" {
  description = "ID of the security group that EKS gives to the nodes, and so to all pods."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}
