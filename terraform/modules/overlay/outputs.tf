output "kustomization" {
  description = "The kustomization.yaml of an overlay beside manifests/overlays/production."
  value       = "# Written by terraform output: what manifests/overlays/production is on this AWS account.\n${yamlencode(local.kustomization)}"
}
