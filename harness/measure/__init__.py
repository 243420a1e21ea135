"""What training costs, and how its gradients compare with full backpropagation."""
