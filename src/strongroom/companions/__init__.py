"""The other AWS services that clients of Secrets Manager call: STS and IAM, as far as they need them."""
