locals {
  agent = { cidr = "169.254.170.23/32", port = 80 } # where EKS Pod Identity answers on every node

  kustomization = {
    apiVersion = "kustomize.config.k8s.io/v1beta1"
    kind       = "Kustomization"
    resources  = ["../production"]
    components = ["../../components/own-bucket"]
    patches = [
      {
        target = { kind = "ConfigMap", name = "perennial" }
        patch = yamlencode([
          for key, value in {
            AWS_ENDPOINT_URL             = "https://s3.${var.region}.amazonaws.com"
            AWS_REGION                   = var.region
            MLFLOW_ARTIFACTS_DESTINATION = "s3://${var.bucket}/mlflow"
            PERENNIAL_STORE              = "s3://${var.bucket}/${var.store_prefix}"
            PERENNIAL_CONTACT            = var.contact
            POSTGRES_HOST                = var.database_host
          } : { op = "add", path = "/data/${key}", value = value } if value != ""
        ])
      },
      {
        target = { kind = "NetworkPolicy", name = "^(mlflow|dashboard|endpoint|inbox)$" }
        patch = yamlencode([{
          op   = "add"
          path = "/spec/egress/-"
          value = {
            ports = [{ port = local.agent.port, protocol = "TCP" }]
            to    = [{ ipBlock = { cidr = local.agent.cidr } }]
          }
        }])
      },
    ]
  }
}
