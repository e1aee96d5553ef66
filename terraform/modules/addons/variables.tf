variable "cluster_name" {
  description = "Name of the cluster, which has nodes already: without any, these addons never become ready."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
