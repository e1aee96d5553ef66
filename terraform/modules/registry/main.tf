resource "aws_ecr_repository" "this" {
  for_each = toset(var.images)

  #checkov:skip=CKV_AWS_51:a tag is the digest of what went into the image, and make images pushes those again that haven't changed
  name                 = "${var.name}/perennial-${each.key}"
  image_tag_mutability = "MUTABLE"
  force_delete         = var.force_delete
  tags                 = var.tags

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.key_arn
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name

  policy = jsonencode({
    rules = [
      # A tag that is built again moves on; manifests and releases still name the digest it left.
      {
        rulePriority = 1
        description  = "Images that lost their tag"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = var.untagged_days }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "All but the newest"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = var.keep }
        action       = { type = "expire" }
      },
    ]
  })
}
