variable "name" {
  description = "What stands before the repositories' names, such as perennial for perennial/perennial-step."
  type        = string
}

variable "images" {
  description = "Names of the images without perennial-, as in components/images.py."
  type        = list(string)
  default     = ["mlflow", "postgres", "server", "server-onnxruntime", "server-cuda", "dashboard", "step", "train"]
}

variable "keep" {
  description = "Images to keep of each repository. A run and a release name their image for as long as they can be repeated."
  type        = number
  default     = 50

  validation {
    condition     = var.keep >= 5 && floor(var.keep) == var.keep
    error_message = "Keep at least 5 images of each repository: an endpoint can't go back to a release whose image is gone."
  }
}

variable "untagged_days" {
  description = "Days, from its push on, to keep an image that lost its tag to a newer build: releases name images by digest, and can be gone back to."
  type        = number
  default     = 180

  validation {
    condition     = var.untagged_days >= 31 && floor(var.untagged_days) == var.untagged_days
    error_message = "Keep images without a tag for a whole number of days, at least 31: releases are kept for 30, and none can be served without its image."
  }
}

variable "force_delete" {
  description = "Whether terraform destroy deletes repositories that hold images."
  type        = bool
  default     = false
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the images."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
