mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "perennial-nodes"
  cluster_name       = "perennial"
  kubernetes_version = "1.34"
  subnet_ids         = ["subnet-00000000000000001", "subnet-00000000000000002"]
  instance_types     = ["m6i.xlarge"]
  min_size           = 2
  max_size           = 6
  disk_gb            = 100
}

run "ordinary_nodes" {
  command = plan
  module {
    source = "./modules/nodes"
  }

  assert {
    condition     = length(aws_eks_node_group.this.taint) == 0 && length(aws_autoscaling_group_tag.template) == 0
    error_message = "Ordinary nodes take any pod."
  }

  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required" && aws_launch_template.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "A pod can't ask for the node's credentials."
  }

  assert {
    condition     = aws_launch_template.this.block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "A node's disk is encrypted."
  }
}

run "gpu_nodes_start_from_zero" {
  command = plan
  module {
    source = "./modules/nodes"
  }
  variables {
    instance_types = ["g5.2xlarge"]
    gpus           = 1
    min_size       = 0
    max_size       = 2
  }

  assert {
    condition     = aws_eks_node_group.this.scaling_config[0].min_size == 0 && aws_eks_node_group.this.scaling_config[0].desired_size == 0
    error_message = "No GPU runs until a pod asks for one."
  }

  assert {
    condition     = one(aws_eks_node_group.this.taint).key == "nvidia.com/gpu" && one(aws_eks_node_group.this.taint).effect == "NO_SCHEDULE"
    error_message = "GPU nodes are kept for pods that tolerate nvidia.com/gpu, as those of the step finetune do."
  }

  assert {
    condition     = aws_eks_node_group.this.labels["nvidia.com/gpu.present"] == "true"
    error_message = "GPU nodes have the label that pods choose them by."
  }

  assert {
    condition     = aws_eks_node_group.this.ami_type == "AL2023_x86_64_NVIDIA"
    error_message = "GPU nodes have NVIDIA's driver."
  }

  assert {
    condition = { for key, tag in aws_autoscaling_group_tag.template : key => tag.tag[0].value } == {
      "k8s.io/cluster-autoscaler/node-template/label/nvidia.com/gpu.present" = "true"
      "k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu"         = "true:NoSchedule"
      "k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu"     = "1"
      "k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage"  = "100Gi"
    }
    error_message = "The autoscaler knows label, taint, GPUs and disk of a node that isn't there yet."
  }
}

run "takes_g4dn" {
  command = plan
  module {
    source = "./modules/nodes"
  }
  variables {
    instance_types = ["g4dn.2xlarge", "g6e.2xlarge", "p5.48xlarge"]
    gpus           = 1
  }
}

run "refuses_graviton_three_gpus_half_a_node_and_a_small_disk" {
  command = plan
  module {
    source = "./modules/nodes"
  }
  variables {
    instance_types = ["m7g.xlarge"]
    gpus           = 3
    min_size       = 0.5
    max_size       = 1.5
    disk_gb        = 10
  }
  expect_failures = [var.instance_types, var.gpus, var.min_size, var.max_size, var.disk_gb]
}

run "refuses_no_type" {
  command = plan
  module {
    source = "./modules/nodes"
  }
  variables {
    instance_types = []
  }
  expect_failures = [var.instance_types]
}

run "refuses_more_at_least_than_at_most" {
  command = plan
  module {
    source = "./modules/nodes"
  }
  variables {
    max_size = 1
  }
  expect_failures = [aws_eks_node_group.this]
}
