/// An instance of a space that a user bought and owns, until the purchase is refunded whole.
struct Instance: Recordable, Listed, Equatable {
    /// The purchase that granted it.
    var id = ChargeID.none
    var user = UserOrdinal.none
    var space = ShortText()
    var workspace = ShortText()
    var name = ShortText()
    var gigabytes: Int64 = 0
    /// What was charged for it.
    var amount = Money.zero
    var purchased = Timestamp.distantPast
    var links = Links<Instance>()

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.user(&user)
        try c.text(&space)
        try c.text(&workspace)
        try c.text(&name)
        try c.signed(&gigabytes)
        try c.money(&amount)
        try c.time(&purchased)
    }
}

extension StateMachine {
    /// One user has one instance of a name in a workspace at a time.
    func instanceName(_ user: UserOrdinal, _ workspace: ShortText, _ instance: ShortText) -> Hash128 {
        names.hash(.instance, [store.accounts[user].id, workspace, instance])
    }

    func instance(_ charge: ChargeID) -> Slot<Instance>? { store.instanceByID.slot(charge.value) }

    mutating func insert(_ instance: Instance) {
        let name = instanceName(instance.user, instance.workspace, instance.name)
        let slot = store.instances.insert(instance)
        store.instanceByID.set(instance.id.value, slot)
        store.instanceIndex.set(name, slot)
        store.link(slot, of: instance.user)
    }

    /// Its name may be given to another one.
    mutating func end(instance slot: Slot<Instance>) {
        let row = store.instances[slot]
        store.unlink(slot, of: row.user)
        store.instanceIndex.remove(instanceName(row.user, row.workspace, row.name))
        store.instanceByID.remove(row.id.value)
        store.instances.remove(slot)
    }
}
