@main
struct Florin {
    static func main() {}
}
