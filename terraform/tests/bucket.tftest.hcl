mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name    = "perennial-123456789012"
  key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
}

run "private_encrypted_and_versioned" {
  module {
    source = "./modules/bucket"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Nothing in the bucket can be made public."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Old versions are kept."
  }

  assert {
    condition = alltrue([for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.bucket_key_enabled && rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" && rule.apply_server_side_encryption_by_default[0].kms_master_key_id == var.key_arn
    ])
    error_message = "Objects are encrypted with the installation's key."
  }

  assert {
    condition     = one([for rule in aws_s3_bucket_ownership_controls.this.rule : rule.object_ownership]) == "BucketOwnerEnforced"
    error_message = "Access lists count for nothing."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false" && length(statement.Resource) == 2
    ])
    error_message = "The bucket answers over TLS alone."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "A bucket that holds something isn't deleted."
  }
}

run "old_versions_go" {
  command = plan
  module {
    source = "./modules/bucket"
  }

  assert {
    condition = { for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      rule.id => rule.noncurrent_version_expiration[0].noncurrent_days if length(rule.noncurrent_version_expiration) > 0
    } == { old-leases = 1, old-finetuning = 1, old-segments = 1, old-versions = 30 }
    error_message = "Old versions go after 30 days, those of leases, checkpoints and segments after one."
  }

  assert {
    condition = anytrue([for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      rule.id == "bare-marks" && try(rule.expiration[0].expired_object_delete_marker, false)
    ])
    error_message = "Marks of deleted objects go with their last version."
  }

  assert {
    condition = { for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      rule.filter[0].prefix => one(rule.transition).storage_class if length(rule.transition) > 0
    } == { "store/archive/" = "GLACIER_IR" }
    error_message = "The archive goes to cheaper storage that is read at once, and nothing else does."
  }

  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.status == "Enabled"])
    error_message = "Every rule counts."
  }

  assert {
    condition     = !anytrue([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : try(rule.expiration[0].days, 0) > 0])
    error_message = "No rule deletes what is in use."
  }
}

run "refuses_a_wrong_name_the_folder_of_mlflow_and_old_versions_for_ever" {
  command = plan
  module {
    source = "./modules/bucket"
  }
  variables {
    name              = "Perennial_Bucket"
    store_prefix      = "mlflow/store"
    old_versions_days = 3650
  }
  expect_failures = [var.name, var.store_prefix, var.old_versions_days]
}
