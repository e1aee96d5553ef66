variable "region" {
  description = "Region that everything is in."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be one of AWS's, such as eu-central-1."
  }
}

variable "api_access_cidrs" {
  description = "Networks that may reach the Kubernetes API over the internet; with none, only the VPC reaches it."
  type        = list(string)
  default     = []
}

variable "contact" {
  description = "Mail address or https URL of who runs this, told to every site that is scraped; without it web sources are off."
  type        = string
  default     = ""
}

variable "budget_emails" {
  description = "Who is told when the account costs more than expected."
  type        = list(string)
}
