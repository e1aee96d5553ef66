variable "name" {
  description = "What the names of all resources start with."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC: a private block, from /16 to /20. Every pod takes one."
  type        = string
  default     = "10.64.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(cidrhost(var.cidr, 0) == split("/", var.cidr)[0], false)
    error_message = "The cidr must be an IPv4 block that begins at its first address, such as 10.64.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "The cidr must be a block from /16 to /20: AWS takes no larger one, and a smaller one has too few addresses for pods."
  }

  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.cidr))
    error_message = "The cidr must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, which are kept for private networks."
  }
}

variable "zones" {
  description = "How many availability zones to spread over. EKS and RDS need two."
  type        = number
  default     = 3

  validation {
    condition     = contains([2, 3], var.zones)
    error_message = "Set zones to 2 or 3: EKS and RDS need at least two, and the address plan has room for three."
  }
}

variable "nat" {
  description = "How private subnets reach the internet: single (one NAT gateway), per_zone (one in each zone) or none."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["none", "single", "per_zone"], var.nat)
    error_message = "Set nat to single, per_zone or none. Sources on the web can't be scraped with none."
  }
}

variable "log_days" {
  description = "Days to keep the log of refused connections."
  type        = number
  default     = 365
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the log."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
