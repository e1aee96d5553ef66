variable "name" {
  description = "Name of the database server."
  type        = string
}

variable "vpc_id" {
  description = "ID of the VPC."
  type        = string
}

variable "subnet_ids" {
  description = "IDs of private subnets in at least two zones."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "ID of the security group that may ask the database."
  type        = string
}

variable "engine_version" {
  description = "Major version of PostgreSQL; minor ones are taken by themselves."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^1[4-9]$", var.engine_version))
    error_message = "Set the version of PostgreSQL to a major one from 14 to 19, such as 17."
  }
}

variable "instance_class" {
  description = "Size of the database server."
  type        = string
  default     = "db.t4g.medium"

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_class))
    error_message = "The size of a database server begins with db, such as db.t4g.medium."
  }
}

variable "storage_gb" {
  description = "GiB of storage to begin with; it grows by itself to four times that."
  type        = number
  default     = 50

  validation {
    condition     = var.storage_gb >= 20 && var.storage_gb <= 16384
    error_message = "RDS takes from 20 GiB on, and room is left here to grow from 16384 GiB: set the storage to a number between them."
  }
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over when one fails."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "Days of backups, to restore any moment of them."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "RDS keeps backups of 1 to 35 days. Set the days of backups to a number between them."
  }
}

variable "deletion_protection" {
  description = "Whether the server refuses to be deleted."
  type        = bool
  default     = true
}

variable "final_snapshot" {
  description = "Whether a snapshot is kept when the server is deleted."
  type        = bool
  default     = true
}

variable "log_days" {
  description = "Days to keep the server's log."
  type        = number
  default     = 365
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts storage, password, insights and log."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
