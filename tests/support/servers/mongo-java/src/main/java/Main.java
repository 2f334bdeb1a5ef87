import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;

import java.net.InetSocketAddress;

/** mongo-java PORT: listens on 127.0.0.1, says where, and keeps everything in memory until SIGTERM. */
public final class Main {
    public static void main(String[] arguments) throws InterruptedException {
        MongoServer server = new MongoServer(new MemoryBackend());
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        InetSocketAddress address = server.getLocalAddress();
        System.out.println("listening on 127.0.0.1:" + address.getPort());
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        Thread.currentThread().join();
    }
}
