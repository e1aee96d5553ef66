variable "name" {
  description = "Name of the bucket, which no other bucket in the world has."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits and hyphens, and neither begins nor ends with a hyphen."
  }
}

variable "store_prefix" {
  description = "Where in the bucket the store lies."
  type        = string
  default     = "store"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_/-]*[a-z0-9]$", var.store_prefix)) && split("/", var.store_prefix)[0] != "mlflow"
    error_message = "The store's prefix must be a folder such as store, without a slash at either end, and not mlflow, where MLflow keeps its artifacts."
  }
}

variable "old_versions_days" {
  description = "Days to keep old versions of objects; a takedown is complete no sooner."
  type        = number
  default     = 30

  validation {
    condition     = var.old_versions_days >= 1 && var.old_versions_days <= 365 && floor(var.old_versions_days) == var.old_versions_days
    error_message = "Set old_versions_days to a whole number from 1 to 365. Pictures that were taken down last as long as their old versions."
  }
}

variable "short_days" {
  description = "Days to keep old versions in short_rooms."
  type        = number
  default     = 1
}

variable "short_rooms" {
  description = "Folders of the store whose old versions nobody will ask for."
  type        = list(string)
  default     = ["leases", "finetuning", "segments"]
}

variable "force_destroy" {
  description = "Whether terraform destroy deletes the bucket with all that it holds. Else it stops at a bucket that isn't empty."
  type        = bool
  default     = false
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the objects."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
