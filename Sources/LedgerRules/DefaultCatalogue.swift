package import LedgerCore

/// The spaces on sale in a new ledger. A catalogue entry carries its list price; the rule `space_purchase` decides what
/// is charged.
package enum DefaultCatalogue {
    package struct Space: Hashable, Sendable {
        package var id: ShortText
        package var name: String
        package var description: String
        package var category: String
        /// Whole GB.
        package var gigabytes: Int64
        package var cost: Money

        package init(id: ShortText, name: String, description: String, category: String, gigabytes: Int64, cost: Money)
        {
            self.id = id
            self.name = name
            self.description = description
            self.category = category
            self.gigabytes = gigabytes
            self.cost = cost
        }
    }

    package static let spaces = [
        Space(
            id: "ml-ready", name: "ML Ready Environment",
            description: "Machine learning frameworks, notebooks and drivers, ready to train",
            category: "machine-learning", gigabytes: 50, cost: Money("5.00")!),
        Space(
            id: "data-science", name: "Data Science Toolkit",
            description: "Notebooks, data frames, statistics and plotting",
            category: "data-science", gigabytes: 30, cost: Money("3.00")!),
        Space(
            id: "web-dev", name: "Web Development Stack",
            description: "Web servers, databases and build tools",
            category: "development", gigabytes: 20, cost: Money("2.00")!),
        Space(
            id: "research", name: "Research Environment",
            description: "Compilers, numerical libraries and typesetting for papers",
            category: "research", gigabytes: 40, cost: Money("4.00")!),
    ]
}
