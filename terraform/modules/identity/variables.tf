variable "cluster_name" {
  description = "Name of the cluster."
  type        = string
}

variable "bucket_arn" {
  description = "ARN of the bucket."
  type        = string
}

variable "store_prefix" {
  description = "Where in the bucket the store lies."
  type        = string
  default     = "store"
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the bucket."
  type        = string
}

variable "namespace" {
  description = "Namespace of MLflow, the dashboard, the inbox and the endpoints."
  type        = string
  default     = "perennial"
}

variable "pipelines_namespace" {
  description = "Namespace of Kubeflow Pipelines."
  type        = string
  default     = "kubeflow"
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
