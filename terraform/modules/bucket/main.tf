resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:who reads what is in CloudTrail's data events, where an account wants them; access logs would be a second bucket
  #checkov:skip=CKV_AWS_144:a copy in another region is a decision of the team's, and doubles the price
  #checkov:skip=CKV2_AWS_62:nothing waits for notifications: the inbox finds by listing what is dropped
  bucket        = var.name
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "Tls12"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

# The same that set-up gives to a MinIO. A lease is written anew every few seconds, a checkpoint once an epoch, and a segment goes
# once it is folded: versions that nobody will ask for.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300:the rule old-versions ends broken uploads after a day
  bucket = aws_s3_bucket.this.id

  dynamic "rule" {
    for_each = var.short_rooms

    content {
      id     = "old-${rule.value}"
      status = "Enabled"

      filter {
        prefix = "${var.store_prefix}/${rule.value}/"
      }

      noncurrent_version_expiration {
        noncurrent_days = var.short_days
      }
    }
  }

  # What nothing needs any more but somebody may: still read at once, at a sixth of the price. Objects below 128 KB stay as they are.
  rule {
    id     = "archive"
    status = "Enabled"

    filter {
      prefix = "${var.store_prefix}/archive/"
    }

    transition {
      days          = 0
      storage_class = "GLACIER_IR"
    }
  }

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_versions_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  rule {
    id     = "bare-marks"
    status = "Enabled"

    filter {}

    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
