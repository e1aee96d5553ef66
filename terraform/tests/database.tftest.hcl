mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                     = "perennial"
  vpc_id                   = "vpc-00000000000000000"
  subnet_ids               = ["subnet-00000000000000001", "subnet-00000000000000002"]
  client_security_group_id = "sg-00000000000000000"
  key_arn                  = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
}

run "private_encrypted_and_without_a_password" {
  command = plan
  module {
    source = "./modules/database"
  }

  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_vpc_security_group_ingress_rule.this.referenced_security_group_id == "sg-00000000000000000"
    error_message = "The cluster's pods alone reach the database."
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.key_arn
    error_message = "Storage is encrypted with the installation's key."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "The password is RDS's own and in no state."
  }

  assert {
    condition     = anytrue([for parameter in aws_db_parameter_group.this.parameter : parameter.name == "rds.force_ssl" && parameter.value == "1"])
    error_message = "The database answers over TLS alone."
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.multi_az && aws_db_instance.this.backup_retention_period == 14
    error_message = "By default the database outlives mistakes."
  }
}

run "refuses_a_size_of_ec2_a_minor_version_no_backups_and_too_little_storage" {
  command = plan
  module {
    source = "./modules/database"
  }
  variables {
    instance_class = "m6i.large"
    engine_version = "17.4"
    backup_days    = 0
    storage_gb     = 5
  }
  expect_failures = [var.instance_class, var.engine_version, var.backup_days, var.storage_gb]
}
