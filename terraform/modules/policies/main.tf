# Who may do what in the bucket: the same as perennial/catalog/access.py, which its table says in words. A test compares the two.
# But each may list the whole bucket: where AWS ties listing to a prefix, it answers 403 instead of 404 for an object that isn't there.
locals {
  tables  = ["images", "review"]
  store   = ["${var.store_prefix}/"]
  served  = [for name in ["endpoints", "releases", "backbones", "tasks"] : "${var.store_prefix}/${name}/"]
  dropped = "${var.store_prefix}/inbox/"
  written = [for name in concat(
    [for table in local.tables : "catalog/${table}.lance/"],
    ["images/", "quarantine/inbox/"],
    [for table in local.tables : "leases/table ${table}.json"],
  ) : "${var.store_prefix}/${name}"]
  uploads = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]

  folders = {
    pipeline  = local.store
    server    = local.served
    inbox     = concat([local.dropped], local.written, ["${var.store_prefix}/archive/images/"])
    dashboard = local.store
    mlflow    = ["mlflow/"]
  }
  writers = ["pipeline", "mlflow"]

  common = { for service, folders in local.folders : service => [
    { Effect = "Allow", Action = ["s3:GetBucketLocation"], Resource = [var.bucket_arn] },
    { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.bucket_arn] },
    {
      Effect   = "Allow"
      Action   = concat(["s3:GetObject"], contains(local.writers, service) ? concat(["s3:PutObject", "s3:DeleteObject"], local.uploads) : [])
      Resource = [for folder in folders : "${var.bucket_arn}/${folder}*"]
    },
  ] }

  versions = [
    {
      Effect    = "Allow"
      Action    = ["s3:ListBucketVersions"]
      Resource  = [var.bucket_arn]
      Condition = { StringLike = { "s3:prefix" = ["${local.dropped}*"] } }
    },
    {
      Effect = "Allow"
      Action = [
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetObjectTagging",
        "s3:GetObjectVersion",
        "s3:GetObjectVersionTagging",
      ]
      Resource = ["${var.bucket_arn}/${local.dropped}*"]
    },
  ]

  more = {
    pipeline = local.versions
    inbox = concat([
      {
        Effect   = "Allow"
        Action   = concat(["s3:PutObject"], local.uploads)
        Resource = [for folder in local.written : "${var.bucket_arn}/${folder}*"]
      },
      {
        Effect = "Allow"
        Action = ["s3:DeleteObject"]
        Resource = [for name in concat([for table in local.tables : "catalog/${table}.lance/*"], ["labels/*/mark.json"]) :
          "${var.bucket_arn}/${var.store_prefix}/${name}"
        ]
      },
    ], local.versions)
    server = [
      {
        Effect   = "Allow"
        Action   = concat(["s3:PutObject"], local.uploads)
        Resource = ["${var.bucket_arn}/${var.store_prefix}/segments/*"]
      },
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${var.bucket_arn}/${var.store_prefix}/segments/*/key"] },
    ]
    dashboard = []
    mlflow    = []
  }
}
