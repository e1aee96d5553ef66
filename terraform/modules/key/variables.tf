variable "name" {
  description = "What the names of all resources start with."
  type        = string
}

variable "deletion_days" {
  description = "Days from the key's deletion until nothing can be decrypted any more."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_days >= 7 && var.deletion_days <= 30
    error_message = "AWS keeps a deleted key for 7 to 30 days. Set deletion_days to a number between them."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
