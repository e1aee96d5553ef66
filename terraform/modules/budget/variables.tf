variable "name" {
  description = "Name of the budget."
  type        = string
}

variable "monthly_usd" {
  description = "US dollars a month that the whole account is expected to cost."
  type        = number

  validation {
    condition     = var.monthly_usd > 0
    error_message = "A month's budget must be more than 0 US dollars."
  }
}

variable "emails" {
  description = "Who is told when 80 % are spent, or more than all is foreseen."
  type        = list(string)

  validation {
    condition     = length(var.emails) > 0 && length(var.emails) <= 10 && alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "Name from 1 to 10 mail addresses for the budget's alarms, such as team@example.com."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
