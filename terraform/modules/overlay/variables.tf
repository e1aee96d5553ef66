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

variable "contact" {
  description = "Mail address or https URL of who runs this, told to every site that is scraped; without it web sources are off."
  type        = string
  default     = ""

  validation {
    condition     = var.contact == "" || can(regex("^([!-?A-~]+@[0-9A-Za-z.-]+\\.[A-Za-z]{2,}|https://[!-~]+)$", var.contact))
    error_message = "The contact must be a mail address, such as you@example.com, or a web page that begins with https://, in plain ASCII."
  }
}
