output "documents" {
  description = "Policy of each service as JSON: pipeline, server, inbox, dashboard, mlflow."
  value = { for service, statements in local.common :
    service => jsonencode({ Version = "2012-10-17", Statement = concat(statements, local.more[service]) })
  }
}
