output "host" {
  description = "Host name of the server."
  value       = aws_db_instance.this.address
}

output "secret_arn" {
  description = "ARN of the secret in Secrets Manager with the master user's password."
  value       = try(aws_db_instance.this.master_user_secret[0].secret_arn, null)
}
