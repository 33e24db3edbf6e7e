// Whether a compiler and its sanitizers work.
int main() { return 0; }
