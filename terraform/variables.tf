variable "name" {
  description = "Name of the installation: of the cluster, and at the start of what else is made."
  type        = string
  default     = "perennial"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "The name must have 3 to 20 lower-case letters, digits and single hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "tags" {
  description = "Tags of every resource, besides Project and ManagedBy."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:") && !contains(["Project", "ManagedBy"], key)])
    error_message = "Choose other keys than Project and ManagedBy, which are set already, and none that begins with aws:, which AWS keeps to itself."
  }
}

variable "cidr" {
  description = "Addresses of the VPC: a private block, from /16 to /20. Every pod takes one."
  type        = string
  default     = "10.64.0.0/16"
}

variable "zones" {
  description = "How many availability zones to spread over, 2 or 3."
  type        = number
  default     = 3
}

variable "nat" {
  description = "How private subnets reach the internet: single (one NAT gateway), per_zone (one in each zone) or none (interface endpoints for AWS's own services, and no scraping of the web)."
  type        = string
  default     = "single"
}

variable "kubernetes_version" {
  description = "Kubernetes version of the cluster and its nodes, from 1.30 on."
  type        = string
  default     = "1.34"
}

variable "api_access_cidrs" {
  description = "Networks that may reach the Kubernetes API over the internet; with none, only the VPC reaches it."
  type        = list(string)
  default     = []
}

variable "admin_arns" {
  description = "ARNs of the IAM roles and users that administrate the cluster, besides the one that makes it."
  type        = list(string)
  default     = []
}

variable "cpu_nodes" {
  description = "The nodes that everything runs on: instance types with x86-64 processors, spot or not, how many, and GiB of disk."
  type = object({
    instance_types = optional(list(string), ["m6i.xlarge"])
    spot           = optional(bool, false)
    min_size       = optional(number, 2)
    max_size       = optional(number, 6)
    disk_gb        = optional(number, 100)
  })
  default = {}

  validation {
    condition     = var.cpu_nodes.min_size >= 1
    error_message = "Keep at least one CPU node: the cluster's own services have nowhere else to run."
  }
}

variable "gpu_nodes" {
  description = "The nodes for pods that ask for NVIDIA GPUs, started from zero by the cluster autoscaler; null makes none."
  type = object({
    instance_types = optional(list(string), ["g5.2xlarge"])
    gpus           = optional(number, 1)
    spot           = optional(bool, false)
    min_size       = optional(number, 0)
    max_size       = optional(number, 1)
    disk_gb        = optional(number, 200)
  })
  default = {}

  validation {
    condition     = var.gpu_nodes == null ? true : var.gpu_nodes.gpus > 0
    error_message = "Say how many GPUs a node of gpu_nodes has, at least 1, or set gpu_nodes = null for none."
  }

  validation {
    condition     = var.gpu_nodes == null ? true : alltrue([for type in var.gpu_nodes.instance_types : can(regex("^(g[4-9]|p[3-9])[a-z]*\\.", type))])
    error_message = "Each of gpu_nodes.instance_types must have NVIDIA GPUs, such as g5.2xlarge or g6.2xlarge; set gpu_nodes = null for none."
  }
}

variable "bucket_name" {
  description = "Name of the bucket; by default the installation's name, the account and the region."
  type        = string
  default     = null
}

variable "old_versions_days" {
  description = "Days to keep old versions of objects; a takedown is complete no sooner."
  type        = number
  default     = 30
}

variable "untagged_images_days" {
  description = "Days, from its push on, to keep an image that lost its tag to a newer build: releases name images by digest, and can be gone back to."
  type        = number
  default     = 180
}

variable "database" {
  description = "The PostgreSQL server: major version, size, GiB of storage, a standby in another zone, and days of backups."
  type = object({
    engine_version = optional(string, "17")
    instance_class = optional(string, "db.t4g.medium")
    storage_gb     = optional(number, 50)
    multi_az       = optional(bool, true)
    backup_days    = optional(number, 14)
  })
  default = {}
}

variable "contact" {
  description = "Mail address or https URL of who runs this, told to every site that is scraped; without it web sources are off."
  type        = string
  default     = ""
}

variable "budget" {
  description = "US dollars a month that the account is expected to cost, and who is told when it will cost more; null sets no alarm."
  type = object({
    monthly_usd = number
    emails      = list(string)
  })
  default = null
}

variable "log_days" {
  description = "Days to keep the logs of the control plane, the database and refused connections."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731 days, or 3 to 10 years in days. Set log_days to one of them."
  }
}

variable "deletion_protection" {
  description = "Whether database, bucket and images survive terraform destroy. Turn it off and apply before you take everything down."
  type        = bool
  default     = true
}
