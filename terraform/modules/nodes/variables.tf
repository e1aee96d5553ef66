variable "name" {
  description = "Name of the node group."
  type        = string
}

variable "cluster_name" {
  description = "Name of the cluster that the nodes join."
  type        = string
}

variable "kubernetes_version" {
  description = "Kubernetes version of the nodes."
  type        = string
}

variable "subnet_ids" {
  description = "IDs of the private subnets that the nodes are in."
  type        = list(string)
}

variable "instance_types" {
  description = "Instance types of the nodes, the same in processors and memory, in the order in which they are tried."
  type        = list(string)

  validation {
    condition     = length(var.instance_types) > 0 && alltrue([for type in var.instance_types : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", type))])
    error_message = "Name at least one instance type, such as m6i.xlarge."
  }

  validation {
    condition     = alltrue([for type in var.instance_types : !can(regex("^([a-z]+[0-9]+g[a-z]*|a1)\\.", type))])
    error_message = "An instance type has Graviton processors, and the images are built for x86-64. Name one with processors of Intel or AMD, such as m6i.xlarge."
  }
}

variable "gpus" {
  description = "NVIDIA GPUs that each node has; with 0 the nodes are ordinary ones, with more they are kept for pods that ask for GPUs."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1, 4, 8], var.gpus)
    error_message = "Set gpus to how many GPUs a node of this type has: 0, 1, 4 or 8."
  }
}

variable "spot" {
  description = "Whether to take spot instances: cheaper, and taken away at two minutes' notice."
  type        = bool
  default     = false
}

variable "min_size" {
  description = "Fewest nodes."
  type        = number

  validation {
    condition     = var.min_size >= 0 && floor(var.min_size) == var.min_size
    error_message = "The fewest nodes must be a whole number, 0 or more."
  }
}

variable "max_size" {
  description = "Most nodes that the autoscaler may start."
  type        = number

  validation {
    condition     = var.max_size >= 1 && floor(var.max_size) == var.max_size
    error_message = "The most nodes must be a whole number, 1 or more."
  }
}

variable "disk_gb" {
  description = "GiB of each node's disk."
  type        = number

  validation {
    condition     = var.disk_gb >= 20 && var.disk_gb <= 16384
    error_message = "A node's disk holds its system and images: give it from 20 to 16384 GiB."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
