variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "kubernetes_version" {
  description = "Kubernetes version of the cluster and its nodes."
  type        = string
  default     = "1.34"

  validation {
    condition     = can(regex("^1\\.(3[0-9]|[4-9][0-9])$", var.kubernetes_version))
    error_message = "Set kubernetes_version to 1.30 or newer, without a patch number: the manifests use preStop.sleep, which came with 1.30."
  }
}

variable "subnet_ids" {
  description = "IDs of the private subnets that the API's addresses and the nodes are in."
  type        = list(string)
}

variable "api_access_cidrs" {
  description = "Networks that may reach the Kubernetes API over the internet; with none, only the VPC reaches it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.api_access_cidrs : can(cidrnetmask(cidr))])
    error_message = "Each of api_access_cidrs must be an IPv4 block, such as 203.0.113.7/32."
  }

  validation {
    condition     = alltrue([for cidr in var.api_access_cidrs : try(tonumber(split("/", cidr)[1]) >= 16, true)])
    error_message = "A block in api_access_cidrs is wider than /16. Name the networks of your team alone, such as 203.0.113.7/32."
  }
}

variable "admin_arns" {
  description = "ARNs of the IAM roles and users that administrate the cluster, besides the one that makes it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.admin_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+", arn))])
    error_message = "Each of admin_arns must be the ARN of an IAM role or user, such as arn:aws:iam::123456789012:role/platform."
  }
}

variable "log_days" {
  description = "Days to keep the control plane's log."
  type        = number
  default     = 365
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the Secrets and the log."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
