print("mt")
