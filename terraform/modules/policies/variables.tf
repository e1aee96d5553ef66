variable "bucket_arn" {
  description = "ARN of the bucket."
  type        = string
}

variable "store_prefix" {
  description = "Where in the bucket the store lies."
  type        = string
  default     = "store"
}
