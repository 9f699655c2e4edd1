// What BullMQ runs in a thread or a process of its own.
module.exports = async (job) => job.data;
