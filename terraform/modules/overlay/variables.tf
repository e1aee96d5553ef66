variable "region" {
  description = "Region of the bucket."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket."
  type        = string
}

variable "store_prefix" {
  description = "Where in the bucket the store lies."
  type        = string
  default     = "store"
}

variable "database_host" {
  description = "Host name of PostgreSQL."
  type        = string
}
