variable "name" {
  description = "What the role's name starts with."
  type        = string

  validation {
    condition     = length(var.name) <= 37
    error_message = "The name of a role can start with 37 characters at most. Give the installation a shorter name."
  }
}

variable "cluster_name" {
  description = "Name of the cluster."
  type        = string
}

variable "namespace" {
  description = "Namespace of the service account."
  type        = string
}

variable "service_account" {
  description = "Service account whose pods have the role."
  type        = string
}

variable "policies" {
  description = "Policies of the role as JSON, by name."
  type        = map(string)
  default     = {}
}

variable "policy_arns" {
  description = "ARNs of managed policies of the role, by name."
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
